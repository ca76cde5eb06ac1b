"""Aether's event store on JetStream. The only package of jetstream that decodes event bodies."""
