"""What is kept of an audit for longer than a checkpoint: the identity of its stream, and which findings are new."""
