"""The serial tap: what a legacy device says on its serial port, made into DICOM objects and sent to the box."""
