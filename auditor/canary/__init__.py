"""What is planted to be found: good actors and one of each damage, what each must lead to, and the stream that holds them.

The demo shows it, and the self-test proves with it; nothing here looks at anybody else's stream.
"""
