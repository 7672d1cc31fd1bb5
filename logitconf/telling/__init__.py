"""What users are told instead of a result, or while they wait: what a file is, how far work is.

Read `file_words` first: what to say of a file that is not what was asked for. `progress` is how
work says how far it is, whoever shows it.

What may enter: words and counts; nothing that reads models, cards or rows, and nothing that draws.
"""
