"""What goes into a paper: methods, results, references, checklists, model card, and answers to reviewers."""
