// Command main is the Go server of the inspection tests: crypto/tls, with faults by flags.
package main

import (
	"crypto/tls"
	"encoding/base64"
	"flag"
	"fmt"
	"log"
	"net/http"
)

func main() {
	port := flag.Int("port", 0, "port to listen on")
	cert := flag.String("cert", "", "certificate chain (PEM)")
	key := flag.String("key", "", "private key (PEM)")
	zero := flag.Bool("zero-ticket-key", false, "seal tickets under 32 zero bytes")
	another := flag.Bool("another-host", false, "serve other.test by a configuration of its own")
	minimum := flag.Uint("min", tls.VersionTLS12, "oldest version")
	maximum := flag.Uint("max", tls.VersionTLS13, "newest version")
	echConfig := flag.String("ech-config", "", "an ECHConfig (Base64)")
	echKey := flag.String("ech-key", "", "its private key (Base64)")
	var suites suiteList
	flag.Var(&suites, "suite", "a cipher suite of TLS 1.2, repeatable")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   uint16(*minimum),
		MaxVersion:   uint16(*maximum),
		CipherSuites: suites,
	}
	if *echConfig != "" {
		config.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{
			{Config: fromBase64(*echConfig), PrivateKey: fromBase64(*echKey), SendAsRetry: true},
		}
	}
	if *zero {
		config.SetSessionTicketKeys([][32]byte{{}})
	}
	if *another {
		other := config.Clone()
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName == "other.test" {
				return other, nil
			}
			return nil, nil
		}
	}
	server := &http.Server{
		Addr:      fmt.Sprintf("127.0.0.1:%d", *port),
		TLSConfig: config,
		Handler:   http.NotFoundHandler(),
		// Without HTTP/2, which refuses to start with the suites that are asked for here.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

func fromBase64(text string) []byte {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		log.Fatal(err)
	}
	return bytes
}

type suiteList []uint16

func (list *suiteList) String() string { return fmt.Sprint(*list) }

func (list *suiteList) Set(text string) error {
	var code uint16
	if _, err := fmt.Sscanf(text, "%v", &code); err != nil {
		return err
	}
	*list = append(*list, code)
	return nil
}
