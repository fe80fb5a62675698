//! How many processes are read at once. A thread that reads one may hang for as long as that process likes, and
//! nothing can be done about it; so their number is bounded, and one user cannot take the places of another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Uid;

/// Of everybody together.
const ALL: usize = 8;

/// Of one user; root is exempt.
const EACH: usize = 2;

/// Kept for root.
const KEPT: usize = 2;

/// The places that are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<Uid, usize>>>);

/// One place. Dropping it makes it free again.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    user: Uid,
}

impl Places {
    /// A place for `user`, where there is one.
    pub(crate) fn take(&self, user: Uid) -> Option<Place> {
        let mut taken = self.taken();
        let all: usize = taken.values().sum();
        let own = taken.get(&user).copied().unwrap_or(0);
        let free = if user == Uid::ROOT { all < ALL } else { all < ALL - KEPT && own < EACH };
        free.then(|| {
            taken.insert(user, own + 1);
            Place { places: self.clone(), user }
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Uid, usize>> {
        // A number is right or not whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(own) = taken.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_does_not_take_the_places_of_another_nor_users_those_of_root() {
        let places = Places::default();
        let first: Vec<_> = std::iter::from_fn(|| places.take(Uid::new(1000))).collect();
        assert_eq!(first.len(), EACH);
        let users: Vec<_> = (1001..1020).filter_map(|uid| places.take(Uid::new(uid))).collect();
        assert_eq!(first.len() + users.len(), ALL - KEPT);
        let roots: Vec<_> = std::iter::from_fn(|| places.take(Uid::ROOT)).collect();
        assert_eq!(roots.len(), KEPT);
        drop((first, roots));
        assert!(places.take(Uid::new(1000)).is_some());
        drop(users);
        assert!(places.taken().is_empty(), "nothing is kept of who left");
    }
}
