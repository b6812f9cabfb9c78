//! The rustls peer of the interoperability tests: a client or an echo server, for one connection or several, one after
//! the other; those of a client share their sessions. A server prints its port first. With several each prints whether
//! it resumed, and what went or came as early data. Whatever is not as it should be ends it with status 1.
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::{aws_lc_rs, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    Stream, SupportedProtocolVersion,
};
use std::collections::HashMap;
use std::error::Error;
use std::io::{stdin, stdout, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The words that the program was called with, in pairs.
struct Words(HashMap<String, String>);

impl Words {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn need(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| format!("{name} is missing").into())
    }
}

fn main() {
    let list: Vec<String> = std::env::args().skip(1).collect();
    let words = Words(list.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect());
    let end = match words.get("role") {
        Some("client") => client(&words),
        _ => server(&words),
    };
    if let Err(error) = end {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

/// The provider with the one suite and the groups that are asked for.
fn provider(words: &Words) -> Result<Arc<CryptoProvider>> {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(code) = words.get("suite") {
        let code: u16 = code.parse()?;
        provider.cipher_suites = aws_lc_rs::ALL_CIPHER_SUITES.to_vec();
        provider.cipher_suites.retain(|suite| u16::from(suite.suite()) == code);
    }
    if let Some(codes) = words.get("groups") {
        provider.kx_groups.clear();
        for code in codes.split(',') {
            let code: u16 = code.parse()?;
            let mut all = aws_lc_rs::ALL_KX_GROUPS.iter();
            let group = all.find(|group| u16::from(group.name()) == code);
            provider.kx_groups.push(*group.ok_or("rustls does not have this group")?);
        }
    }
    Ok(Arc::new(provider))
}

static TLS13_ALONE: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
static TLS12_ALONE: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

fn versions(words: &Words) -> Result<&'static [&'static SupportedProtocolVersion]> {
    match words.need("version")? {
        "1.3" => Ok(TLS13_ALONE),
        _ => Ok(TLS12_ALONE),
    }
}

fn roots(words: &Words) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(words.need("root")?)?)?;
    Ok(roots)
}

fn identity(words: &Words) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = CertificateDer::pem_file_iter(words.need("cert")?)?.collect::<std::result::Result<_, _>>()?;
    Ok((chain, PrivateKeyDer::from_pem_file(words.need("key")?)?))
}

fn connections(words: &Words) -> Result<usize> {
    Ok(words.get("connections").unwrap_or("1").parse()?)
}

fn bounded(tcp: &TcpStream) -> Result<()> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(tcp.set_write_timeout(Some(Duration::from_secs(20)))?)
}

fn client(words: &Words) -> Result<()> {
    let builder = ClientConfig::builder_with_provider(provider(words)?)
        .with_protocol_versions(versions(words)?)?
        .with_root_certificates(roots(words)?);
    let mut config = match words.get("cert") {
        Some(_) => {
            let (chain, key) = identity(words)?;
            builder.with_client_auth_cert(chain, key)?
        }
        None => builder.with_no_client_auth(),
    };
    let tls12 = match words.get("kind") {
        Some("sessionId") => Tls12Resumption::SessionIdOnly,
        _ => Tls12Resumption::SessionIdOrTickets,
    };
    config.resumption = Resumption::in_memory_sessions(8).tls12_resumption(tls12);
    config.enable_early_data = words.get("early").is_some();
    let config = Arc::new(config);
    let mut payload = Vec::new();
    stdin().read_to_end(&mut payload)?;
    for _ in 0..connections(words)? {
        visit(words, &config, &payload)?;
    }
    Ok(())
}

/// One connection of a client.
fn visit(words: &Words, config: &Arc<ClientConfig>, payload: &[u8]) -> Result<()> {
    let mut tcp = TcpStream::connect(("127.0.0.1", words.need("port")?.parse()?))?;
    bounded(&tcp)?;
    let mut tls = ClientConnection::new(config.clone(), ServerName::try_from("localhost")?)?;
    let early = words.get("early").unwrap_or("").as_bytes();
    let mut sent = false;
    if let Some(mut writer) = tls.early_data() {
        writer.write_all(early)?;
        sent = true;
    }
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    tell(words, tls.handshake_kind());
    if sent {
        println!("early {}", tls.is_early_data_accepted());
        expect(&mut Stream::new(&mut tls, &mut tcp), early)?;
    }
    // No more at once than the buffers between the two hold: one thread writes and reads.
    for part in payload.chunks(40_000) {
        let mut stream = Stream::new(&mut tls, &mut tcp);
        stream.write_all(part)?;
        stream.flush()?;
        expect(&mut stream, part)?;
    }
    tls.send_close_notify();
    // The other side answers with its own close_notify: without it this is an error.
    let mut rest = Vec::new();
    Stream::new(&mut tls, &mut tcp).read_to_end(&mut rest)?;
    if rest.is_empty() { Ok(()) } else { Err("there is more than the echo".into()) }
}

fn expect(stream: &mut impl Read, part: &[u8]) -> Result<()> {
    let mut echo = vec![0; part.len()];
    stream.read_exact(&mut echo)?;
    if echo == part { Ok(()) } else { Err("the echo differs".into()) }
}

fn tell(words: &Words, kind: Option<HandshakeKind>) {
    if words.get("connections").is_some() {
        println!("resumed {}", kind == Some(HandshakeKind::Resumed));
        let _ = stdout().flush();
    }
}

fn server(words: &Words) -> Result<()> {
    let provider = provider(words)?;
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions(words)?)?;
    let builder = match words.get("clientAuth") {
        Some(_) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(words)?), provider).build()?,
        ),
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = identity(words)?;
    let mut config = builder.with_single_cert(chain, key)?;
    // Without a ticketer it keeps state: TLS 1.2 by session ID, TLS 1.3 by tickets that are handles; early data needs that.
    match words.get("kind") {
        Some("ticket" | "psk") => config.ticketer = aws_lc_rs::Ticketer::new()?,
        Some("earlyData") => config.max_early_data_size = 1000,
        _ => {}
    }
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for _ in 0..connections(words)? {
        let (mut tcp, _) = listener.accept()?;
        bounded(&tcp)?;
        let mut tls = ServerConnection::new(config.clone())?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        tell(words, tls.handshake_kind());
        let mut early = Vec::new();
        if let Some(mut reader) = tls.early_data() {
            reader.read_to_end(&mut early)?;
            println!("early {}", String::from_utf8_lossy(&early).trim_end());
        }
        let mut stream = Stream::new(&mut tls, &mut tcp);
        stream.write_all(&early)?;
        let mut part = vec![0; 16_384];
        loop {
            let length = stream.read(&mut part)?;
            if length == 0 {
                break;
            }
            stream.write_all(&part[..length])?;
        }
        tls.send_close_notify();
        while tls.wants_write() {
            tls.write_tls(&mut tcp)?;
        }
    }
    Ok(())
}
