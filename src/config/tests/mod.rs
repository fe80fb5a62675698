mod documented;
mod hostile;
mod layers;
mod messages;
mod rules;
mod shipped;
mod warnings;
mod world;
