"""Putting heads on hosts, taking them off again, and changing them in place.

Read `attaching` first; `writing` names the nodes and adds them, where `declarations` allow.
`detaching`, `reattaching` and `retuning` undo, mend and edit, `inspection` says what a file has.
`ensembles` joins several hosts into one, and `sklearn_hosts` ships calibrated scikit-learn models.

What may enter: edits of models. The host's own nodes, names and weights stay as they are.
"""
