"""One pass over one stream: each module is one step, and run.py calls them in order.

A step reaches the outside through the ports of ports.py only.
"""
