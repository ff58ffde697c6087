"""Clients of the hardware-specification API of watsonx.ai."""
