"""What must fail.

Negative controls: models that must not be able to do the task. The from-scratch control is a policy of `adaptation`;
permuted labels, metadata only and border only will live here.
"""
