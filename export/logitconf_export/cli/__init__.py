"""The command line: one file a command, and one line for it in `app`.

Read `app` first, then a command: `making` makes scores, `shipping` writes models, `judging` says
what files are worth. `common` holds the options and the output that commands share,
`rows` where their rows come from.

What may enter: options, words and exit codes. What a command does is a function of another room.
"""
