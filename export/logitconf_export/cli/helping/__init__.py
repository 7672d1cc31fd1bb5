"""What helps whoever types a command: examples in its help, and words for what was typed wrong.

Read `usage` first, which looks at what was typed before a command runs; `examples` shows how.

What may enter: what is about typing. What a command is about says itself what is wrong with it.
"""
