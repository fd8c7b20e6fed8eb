"""A whole day in a minute: phantoms, a modality, a link that drops and an archive, all on this machine."""
