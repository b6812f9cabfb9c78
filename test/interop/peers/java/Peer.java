import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * The Java peer of the interoperability tests: JSSE as a client or as an echo server, for one connection or several, one
 * after the other, with one context. A server prints its port first. With several each prints whether it resumed.
 * Whatever is not as it should be ends it with an exception.
 */
public final class Peer {
  public static void main(String[] args) throws Exception {
    Map<String, String> words = new HashMap<>();
    for (int i = 0; i + 1 < args.length; i += 2) words.put(args[i], args[i + 1]);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(
        words.containsKey("cert") ? keys(words.get("cert"), words.get("key"), words.get("algorithm")) : null,
        trust(words.get("root")),
        null);
    SSLParameters parameters = context.getDefaultSSLParameters();
    parameters.setProtocols(new String[] {words.get("version")});
    if (words.containsKey("suite")) parameters.setCipherSuites(new String[] {words.get("suite")});
    int count = Integer.parseInt(words.getOrDefault("connections", "1"));
    if (words.get("role").equals("client")) {
      parameters.setServerNames(List.of(new SNIHostName("localhost")));
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      byte[] payload = System.in.readAllBytes();
      for (int i = 0; i < count; i++) client(context, parameters, Integer.parseInt(words.get("port")), payload, count > 1);
    } else {
      parameters.setNeedClientAuth(words.containsKey("clientAuth"));
      server(context, parameters, count);
    }
  }

  /** JSSE does not say whether a session was resumed: a resumed one is as old as the first connection. */
  private static void tell(SSLSocket socket, long began) {
    System.out.println("resumed " + (socket.getSession().getCreationTime() < began));
  }

  private static void client(SSLContext context, SSLParameters parameters, int port, byte[] payload, boolean tell)
      throws Exception {
    Thread.sleep(2); // Times are in milliseconds: the next session is younger than what began before it.
    long began = System.currentTimeMillis();
    try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket()) {
      // By name, so that the name is what is checked against the certificate.
      InetAddress address = InetAddress.getByAddress("localhost", new byte[] {127, 0, 0, 1});
      socket.connect(new InetSocketAddress(address, port), 5000);
      socket.setSoTimeout(20000);
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      Thread writer =
          new Thread(
              () -> {
                try {
                  socket.getOutputStream().write(payload);
                } catch (Exception e) {
                  e.printStackTrace();
                }
              });
      writer.start();
      byte[] echo = socket.getInputStream().readNBytes(payload.length);
      writer.join();
      if (!Arrays.equals(echo, payload)) throw new IllegalStateException("the echo differs");
      // Half-close: after our close_notify the other side's must come, and nothing else.
      socket.shutdownOutput();
      if (tell) tell(socket, began);
      if (socket.getInputStream().read() != -1) throw new IllegalStateException("there is more than the echo");
    }
  }

  private static void server(SSLContext context, SSLParameters parameters, int count) throws Exception {
    try (SSLServerSocket listener =
        (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      listener.setSSLParameters(parameters);
      System.out.println(listener.getLocalPort());
      for (int i = 0; i < count; i++) {
        try (SSLSocket socket = (SSLSocket) listener.accept()) {
          socket.setSoTimeout(20000);
          Thread.sleep(2);
          long began = System.currentTimeMillis();
          socket.startHandshake();
          if (count > 1) tell(socket, began);
          socket.getInputStream().transferTo(socket.getOutputStream());
          socket.shutdownOutput();
        }
      }
    }
  }

  private static javax.net.ssl.KeyManager[] keys(String chainFile, String keyFile, String algorithm) throws Exception {
    String pem = Files.readString(Path.of(keyFile)).replaceAll("-----[^-]+-----|\\s", "");
    PrivateKey key =
        KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    KeyStore store = empty();
    store.setKeyEntry("own", key, new char[0], certificates(chainFile));
    KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, new char[0]);
    return factory.getKeyManagers();
  }

  private static javax.net.ssl.TrustManager[] trust(String rootFile) throws Exception {
    KeyStore store = empty();
    store.setCertificateEntry("root", certificates(rootFile)[0]);
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory.getTrustManagers();
  }

  private static KeyStore empty() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  private static Certificate[] certificates(String file) throws Exception {
    try (InputStream in = new ByteArrayInputStream(Files.readAllBytes(Path.of(file)))) {
      return CertificateFactory.getInstance("X.509").generateCertificates(in).toArray(new Certificate[0]);
    }
  }
}
