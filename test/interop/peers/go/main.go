// Command main is the Go peer of the interoperability tests: crypto/tls as a client or as an echo server, for one
// connection or several, one after the other; those of a client share their sessions. A server prints its port first.
// With several each prints whether it resumed, and with Encrypted Client Hello whether that was used; a client that is told
// of other configs prints them and ends. Whatever is not as it should be ends it with status 1.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	var (
		role      = flag.String("role", "", "client or server")
		port      = flag.Int("port", 0, "port of the server to connect to")
		version   = flag.Uint("version", 0, "the one protocol version")
		suite     = flag.Uint("suite", 0, "the one cipher suite (TLS 1.2; in TLS 1.3 Go does not let one choose)")
		cert      = flag.String("cert", "", "certificate chain (PEM)")
		key       = flag.String("key", "", "private key (PEM)")
		root      = flag.String("root", "", "trusted root (PEM)")
		count     = flag.Int("connections", 1, "how many connections")
		needsAuth = flag.Bool("client-auth", false, "require a client certificate")
		name      = flag.String("name", "localhost", "the server name to ask for")
		echList   = flag.String("ech-config-list", "", "client: an ECHConfigList (Base64)")
		echConfig = flag.String("ech-config", "", "server: an ECHConfig (Base64)")
		echKey    = flag.String("ech-key", "", "server: its private key (Base64)")
		groups    groupList
	)
	flag.Var(&groups, "group", "a group, repeatable")
	flag.Parse()

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(*root)))
	config := &tls.Config{
		MinVersion:       uint16(*version),
		MaxVersion:       uint16(*version),
		CurvePreferences: groups,
		RootCAs:          roots,
		ClientCAs:        roots,
		ServerName:       *name,
	}
	if *version == tls.VersionTLS12 && *suite != 0 {
		config.CipherSuites = []uint16{uint16(*suite)}
	}
	if *cert != "" {
		config.Certificates = []tls.Certificate{must(tls.LoadX509KeyPair(*cert, *key))}
	}
	if *echList != "" {
		config.EncryptedClientHelloConfigList = must(base64.StdEncoding.DecodeString(*echList))
	}
	if *echConfig != "" {
		config.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{{
			Config:      must(base64.StdEncoding.DecodeString(*echConfig)),
			PrivateKey:  must(base64.StdEncoding.DecodeString(*echKey)),
			SendAsRetry: true,
		}}
	}
	if *needsAuth {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	time.AfterFunc(25*time.Second, func() { fail("out of time") })
	if *role == "client" {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		payload := must(io.ReadAll(os.Stdin))
		for i := 0; i < *count; i++ {
			client(config, *port, payload, *count > 1)
		}
	} else {
		server(config, *count)
	}
}

func client(config *tls.Config, port int, payload []byte, tell bool) {
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), config)
	var rejection *tls.ECHRejectionError
	if errors.As(err, &rejection) {
		fmt.Println("rejected", base64.StdEncoding.EncodeToString(rejection.RetryConfigList))
		return
	}
	check(err)
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(payload)
		sent <- err
	}()
	echo := make([]byte, len(payload))
	must(io.ReadFull(conn, echo))
	check(<-sent)
	if !bytes.Equal(echo, payload) {
		fail("the echo differs")
	}
	check(conn.CloseWrite())
	// The other side answers with its own close_notify: without it this is io.ErrUnexpectedEOF.
	if rest := must(io.ReadAll(conn)); len(rest) != 0 {
		fail("there is more than the echo")
	}
	if tell {
		fmt.Println("resumed", conn.ConnectionState().DidResume)
	}
	if config.EncryptedClientHelloConfigList != nil {
		fmt.Println("ech", conn.ConnectionState().ECHAccepted)
	}
	check(conn.Close())
}

func server(config *tls.Config, count int) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for i := 0; i < count; i++ {
		conn := tls.Server(must(listener.Accept()), config)
		if err := conn.Handshake(); err != nil && config.EncryptedClientHelloKeys != nil {
			fmt.Println(err)
			continue
		} else {
			check(err)
		}
		if count > 1 {
			fmt.Println("resumed", conn.ConnectionState().DidResume)
		}
		if config.EncryptedClientHelloKeys != nil {
			state := conn.ConnectionState()
			fmt.Println("ech", state.ECHAccepted, state.ServerName)
		}
		if _, err := io.Copy(conn, conn); err != nil && config.EncryptedClientHelloKeys != nil {
			fmt.Println(err)
			continue
		} else {
			check(err)
		}
		check(conn.CloseWrite())
		check(conn.Close())
	}
}

type groupList []tls.CurveID

func (list *groupList) String() string { return fmt.Sprint(*list) }

func (list *groupList) Set(text string) error {
	var id uint16
	_, err := fmt.Sscan(text, &id)
	*list = append(*list, tls.CurveID(id))
	return err
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
