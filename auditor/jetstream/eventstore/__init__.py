"""Implements Aether's event store on JetStream. No other package of `auditor/jetstream` decodes event bodies."""
