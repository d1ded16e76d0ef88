"""What each canonical instruction does to the traced state, and walks that stop and go on: ``try``, generators."""
