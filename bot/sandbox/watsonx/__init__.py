"""A working stand-in for the hardware-specification API of watsonx.ai."""
