"""Fetching published weights: the one part of medtl that reaches for a network, for `medtl weights fetch` alone.

`addresses` says which addresses are allowed, `partial_file` keeps what arrived, `download` brings one file, `fetched`
takes published weights into the store. Nothing but the verb imports this folder, and only `download` opens connections.
"""
