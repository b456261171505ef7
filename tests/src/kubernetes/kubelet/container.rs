//! A container: a process with a root file system, a process tree, a user and a network of its own.

use super::super::launcher::{Launcher, tied};
use super::super::network::Network;
use super::images::Image;
use k8s_openapi::api::core::v1::{Container, Pod};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// What the first process of a container does before it becomes the program. The arguments are the container's folder, its
/// user, its group and the program.
const BEGIN: &str = r#"
folder=$1 user=$2 group=$3 readonly=$4; shift 4
echo "$HOSTNAME" >/proc/sys/kernel/hostname
mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
root=$folder/root
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
folder() { mkdir -p "$root$2"; mount --bind "$1" "$root$2"; }
file() { mkdir -p "$root${2%/*}"; rm -f "$root$2"; : >"$root$2"; mount --bind "$1" "$root$2"; }
put() { if [ -d "$1" ]; then folder "$1" "$2"; else file "$1" "$2"; fi; }
"#;

/// A change of the user clears the signal that `unshare` has set for its own end, so it is set again behind it.
const BECOME: &str = r#"
[ "$readonly" = false ] || mount -o remount,ro "$root"
exec setpriv --no-new-privs -- chroot --userspec="$user:$group" --groups="$group" "$root" \
  /usr/bin/setpriv --pdeathsig KILL -- "$@"
"#;

/// What a container is started with.
pub(super) struct Plan<'a> {
    pub(super) pod: &'a Pod,
    pub(super) container: &'a Container,
    pub(super) image: &'a Image,
    pub(super) variables: &'a [(String, String)],
    /// The pod's folder, which holds its volumes and logs.
    pub(super) folder: &'a Path,
    pub(super) hosts: &'a Path,
    pub(super) network: &'a Network,
}

/// A container that was started.
#[derive(Debug)]
pub(super) struct Running(Child);

impl Plan<'_> {
    /// Starts it.
    pub(super) fn start(&self, launcher: &Launcher) -> std::io::Result<Running> {
        let name = &self.container.name;
        let work = self.folder.join(format!("{name}.root"));
        std::fs::create_dir_all(&work)?;
        let resolver = self.folder.join("resolv.conf");
        std::fs::write(&resolver, "options attempts:1 timeout:1\n")?;
        let security = self.container.security_context.clone().unwrap_or_default();
        let of_pod = self.pod.spec.as_ref().and_then(|spec| spec.security_context.clone()).unwrap_or_default();
        let user = security.run_as_user.or(of_pod.run_as_user).or(self.image.user).unwrap_or_default();
        let group = security.run_as_group.or(of_pod.run_as_group).unwrap_or_default();
        let read_only = security.read_only_root_filesystem == Some(true);
        let log = File::options().create(true).append(true).open(self.folder.join(format!("{name}.log")))?;
        // Programs open `/dev/stdout`, as the user that they are.
        log.set_permissions(Permissions::from_mode(0o666))?;
        let mut command = tied("nsenter");
        command
            .arg(format!("--net={}", self.network.path()))
            .args(["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL", "sh", "-ec"])
            .arg(self.script(&resolver))
            .arg("container")
            .arg(work)
            .args([user.to_string(), group.to_string(), read_only.to_string()])
            .args(self.program())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.variables.iter().cloned())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Running(launcher.spawn(command)))
    }

    fn program(&self) -> Vec<String> {
        let given = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
        let command = given(&self.container.command).unwrap_or_else(|| self.image.entrypoint.clone());
        let arguments = self.container.args.clone().unwrap_or_default();
        let expand = |text: String| super::environment::expand(&text, self.variables);
        command.into_iter().chain(arguments).map(expand).collect()
    }

    fn script(&self, resolver: &Path) -> String {
        let mut script = BEGIN.to_owned();
        let mut put = |from: &Path, to: &str| {
            let _ = writeln!(script, "put {} {}", quoted(&from.display().to_string()), quoted(to));
        };
        for (from, to) in &self.image.files {
            put(&from.canonicalize().unwrap_or_else(|_| from.clone()), to);
        }
        put(self.hosts, "/etc/hosts");
        put(resolver, "/etc/resolv.conf");
        for mount in self.container.volume_mounts.iter().flatten() {
            let volume = self.volume(&mount.name);
            let from = mount.sub_path.as_ref().map_or(volume.clone(), |path| volume.join(path));
            // `/var/run` is a link in the file system that is laid under.
            let to = mount.mount_path.trim_end_matches('/').replacen("/var/run/", "/run/", 1);
            put(&from, &to);
        }
        script.push_str(BECOME);
        script
    }

    fn volume(&self, name: &str) -> PathBuf {
        volume(self.folder, name)
    }
}

/// The folder of a pod's volume.
pub(super) fn volume(pod: &Path, name: &str) -> PathBuf {
    pod.join("volumes").join(name)
}

impl Running {
    /// The status that it ended with, as a shell tells it; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<i32> {
        let status = self.0.try_wait().ok()??;
        Some(status.code().unwrap_or(137))
    }

    /// Tells the program to end.
    pub(super) fn stop(&self) {
        // The first process of the container is the only child of `unshare`, which is ours after `setpriv` and `nsenter`.
        let pid = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let child = children.split_whitespace().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        let _ = child.map(|pid| kill_process(pid, Signal::TERM));
    }

    /// Ends it and all that it started.
    pub(super) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
