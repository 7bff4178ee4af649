"""Files of models and of what they are trained on."""
