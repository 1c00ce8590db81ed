"""The model door: the only way to a model, where each reply is kept before it is used."""
