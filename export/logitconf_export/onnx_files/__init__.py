"""Model files: read, checked, saved, with weights that lie in other files.

Read `loading` and `saving`, then `weights`; `ports` says what goes in and comes out. `types` names
the arrays and the models that travel between rooms, `opsets` which opsets and IR versions a head
can be written at.

What may enter: facts about ONNX files as files. Nothing here knows what a head is.
"""
