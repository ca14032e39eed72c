//! Certificates of a test's own: an authority, a server of this machine, clients, and a stranger whom nobody trusts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A folder of PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    folder: PathBuf,
}

/// An authority that signs.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate, and its private key.
    fn sign(&self, name: &str, addresses: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, addresses).signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

fn params(name: &str, addresses: &[&str]) -> CertificateParams {
    let addresses = addresses.iter().map(|address| (*address).to_owned()).collect::<Vec<_>>();
    let mut params = CertificateParams::new(addresses).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Certificates {
    /// Makes them: `ca`, `server`, a client for each name, `stranger-ca`, and `stranger`, a client signed by that one.
    pub(crate) fn make(folder: &Path, clients: &[&str]) -> Self {
        let made = Self { folder: folder.to_owned() };
        let (ours, other) = (Authority::new("chiso tests"), Authority::new("somebody else"));
        made.write("ca.pem", &ours.certificate);
        made.write("stranger-ca.pem", &other.certificate);
        let server = ours.sign("server", &["127.0.0.1", "localhost"]);
        made.write("server.pem", &(server.1 + &server.0));
        for client in clients {
            made.write_pair(client, &ours.sign(client, &[]));
        }
        made.write_pair("stranger", &other.sign("stranger", &[]));
        made
    }

    /// The path of `NAME.pem`, or with `-key` that of a private key.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(format!("{name}.pem")).to_str().unwrap().to_owned()
    }

    /// A private key of one of them, encrypted; its path.
    pub(crate) fn encrypted_key(&self, name: &str, password: &str) -> String {
        let path = self.path(&format!("{name}-encrypted-key"));
        let mut command = Command::new("openssl");
        command.args(["pkcs8", "-topk8", "-in", &self.path(&format!("{name}-key")), "-out", &path]);
        let output = command.args(["-passout", "env:KEY_PASSWORD"]).env("KEY_PASSWORD", password).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    }

    fn write_pair(&self, name: &str, (certificate, key): &(String, String)) {
        self.write(&format!("{name}.pem"), certificate);
        self.write(&format!("{name}-key.pem"), key);
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap();
    }
}
