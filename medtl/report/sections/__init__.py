"""The sections of a page: what each shows, as tables, sentences and figures."""
