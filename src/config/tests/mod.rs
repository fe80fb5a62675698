mod documented;
mod hostile;
mod inert;
mod layers;
mod messages;
mod rules;
mod shipped;
mod world;
