// Reads one JSON object a line ({chain, roots, name, time} with base64 DER), answers one JSON object a line: what Go's
// crypto/x509 makes of it. The TypeScript side is cases.ts and run.ts.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"time"
)

type request struct {
	Chain [][]byte `json:"chain"`
	Roots [][]byte `json:"roots"`
	Name  string   `json:"name"`
	Time  int64    `json:"time"`
}

type answer struct {
	Parsed   bool   `json:"parsed"`
	Accepted bool   `json:"accepted"`
	Error    string `json:"error"`
	Serial   string `json:"serial"`
}

func judge(r request) answer {
	leaf, err := x509.ParseCertificate(r.Chain[0])
	if err != nil {
		return answer{Error: err.Error()}
	}
	result := answer{Parsed: true, Serial: hex.EncodeToString(leaf.SerialNumber.Bytes())}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for _, der := range r.Roots {
		if c, err := x509.ParseCertificate(der); err == nil {
			roots.AddCert(c)
		}
	}
	for _, der := range r.Chain[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			others.AddCert(c)
		}
	}
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: others, DNSName: r.Name, CurrentTime: time.Unix(r.Time, 0),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		result.Error = err.Error()
	} else {
		result.Accepted = true
	}
	return result
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var r request
		if json.Unmarshal(in.Bytes(), &r) != nil || len(r.Chain) == 0 {
			out.Encode(answer{Error: "bad request"})
			continue
		}
		out.Encode(judge(r))
	}
}
