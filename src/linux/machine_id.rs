//! Identifiers of this machine and its boot. A clone has the files of its image, but is another machine.

use std::fs;
use std::path::Path;

/// The machine id and the firmware's id, which differs in a clone that kept the machine id of its image. A part that cannot be
/// read is empty.
#[must_use]
pub fn machine(root: &Path) -> String {
    let id = read(root, "etc/machine-id");
    let firmware = read(root, "sys/class/dmi/id/product_uuid");
    format!("{id} {firmware}").trim().to_owned()
}

/// The boot id.
#[must_use]
pub fn boot(root: &Path) -> String {
    read(root, "proc/sys/kernel/random/boot_id")
}

fn read(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join(name)).map(|text| text.trim().to_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_with_the_images_machine_id_is_another_machine() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!((machine(root.path()), boot(root.path())), (String::new(), String::new()));
        write("etc/machine-id", "0123abcd\n");
        let without = machine(root.path());
        write("sys/class/dmi/id/product_uuid", "03000200-AAAA\n");
        let image = machine(root.path());
        write("sys/class/dmi/id/product_uuid", "03000200-BBBB\n");
        assert_eq!((without.as_str(), image.as_str()), ("0123abcd", "0123abcd 03000200-aaaa"));
        assert_ne!(machine(root.path()), image);
        write("proc/sys/kernel/random/boot_id", "77-88\n");
        assert_eq!(boot(root.path()), "77-88");
    }

    #[test]
    fn this_machine_has_a_boot() {
        assert_eq!(boot(Path::new("/")).len(), 36);
    }
}
