mod hostile;
mod layers;
mod messages;
mod shipped;
mod world;
