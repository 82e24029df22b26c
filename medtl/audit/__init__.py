"""What casts suspicion on a cohort before training.

In: a cohort, with the facts and small pictures of its scans. Out: what people should look at: copies and shifted
copies, marks near the border, acquisition that is associated with the label, ids that may not be one patient each.

"""
