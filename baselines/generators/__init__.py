"""Generators that are no GANs, trained and counted like one: what somebody would take instead."""
