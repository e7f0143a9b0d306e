package upstream

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key = sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, nil)
	a.pool.AddCert(a.cert)
	return a
}

// sign returns a certificate made from template, signed by a, or by itself if a is nil.
func sign(t *testing.T, template *x509.Certificate, a *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// A tap keeps what comes in on the connections of a listener.
type tap struct {
	net.Listener
	mu   sync.Mutex // guards seen
	seen bytes.Buffer
}

func (l *tap) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &tapped{c, l}, err
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.seen.Write(p[:n])
	return n, err
}

func TestCertificates(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	leaf := func(edit func(*x509.Certificate)) *x509.Certificate {
		c := &x509.Certificate{
			Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		if edit != nil {
			edit(c)
		}
		return c
	}
	for _, tt := range []struct {
		name, code string
		template   *x509.Certificate
		signer     *authority
		version    uint16
	}{
		{"good", "", leaf(nil), ca, 0},
		{"expired", "MPT-TLS-EXPIRED", leaf(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), ca, 0},
		{"not yet valid", "MPT-TLS-EXPIRED", leaf(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), ca, 0},
		{"wrong host", "MPT-TLS-HOST", leaf(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.test"} }), ca, 0},
		{"no names", "MPT-TLS-HOST", leaf(func(c *x509.Certificate) { c.IPAddresses = nil }), ca, 0},
		{"self-signed", "MPT-TLS-UNKNOWN", leaf(nil), nil, 0},
		{"unknown authority", "MPT-TLS-UNKNOWN", leaf(nil), stranger, 0},
		{"for clients only", "MPT-TLS-UNKNOWN", leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), ca, 0},
		{"TLS 1.0", "MPT-TLS", leaf(nil), ca, tls.VersionTLS10},
		{"TLS 1.1", "MPT-TLS", leaf(nil), ca, tls.VersionTLS11},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, key := sign(t, tt.template, tt.signer)
			var asked atomic.Int32
			inner := sdkHandler(true)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				inner.ServeHTTP(w, r)
			}))
			ears := &tap{Listener: srv.Listener}
			srv.Listener = ears
			srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of our refusal
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS10, MaxVersion: tt.version}
			srv.StartTLS()
			t.Cleanup(srv.Close)

			trust := newTransport()
			trust.TLSClientConfig = &tls.Config{RootCAs: ca.pool}
			t.Cleanup(trust.CloseIdleConnections)
			c := testConnector()
			c.Transport = trust
			entry := remoteAt(srv.URL, "http")
			entry.Headers = map[string]string{"Authorization": "Bearer sesame"}
			s, err := c.Connect(t.Context(), entry)
			if tt.code == "" {
				if err != nil || asked.Load() == 0 {
					t.Fatalf("a good server was refused: %v", err)
				}
				s.Close()
				return
			}
			wantProblem(t, err, tt.code, "network")
			ears.mu.Lock()
			defer ears.mu.Unlock()
			if asked.Load() != 0 || bytes.Contains(ears.seen.Bytes(), []byte("sesame")) {
				t.Errorf("%d requests were sent", asked.Load())
			}
		})
	}
}

// TestTokenStaysWithItsServer follows every way in which a server can send us on.
func TestTokenStaysWithItsServer(t *testing.T) {
	var leaked atomic.Int32
	other := serveHTTP(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked.Add(1) }))
	var self *httptest.Server
	for name, to := range map[string]func() string{
		"another host":   func() string { return other.URL + "/mcp" },
		"another scheme": func() string { return "https" + self.URL[len("http"):] },
		"metadata":       func() string { return "http://169.254.169.254/latest/meta-data" },
		"loopback name":  func() string { return "http://localhost" + self.URL[len("http://127.0.0.1"):] },
		"loop":           func() string { return self.URL + "/mcp" },
		"file":           func() string { return "file:///etc/passwd" },
		"credentials":    func() string { return "http://user:pass@" + other.URL[len("http://"):] },
	} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			var asked atomic.Int32
			self = serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				w.Header().Set("Location", to())
				w.WriteHeader(code)
			}))
			entry := remoteAt(self.URL+"/mcp", "http")
			entry.Headers = map[string]string{"Authorization": "Bearer sesame"}
			_, err := testConnector().Connect(t.Context(), entry)
			wantProblem(t, err, "MPT-HTTP-REDIRECT", "network")
			if n := asked.Load(); n > 2*(maxRedirects+1) {
				t.Errorf("%s, %d: %d requests", name, code, n)
			}
		}
	}
	if leaked.Load() != 0 {
		t.Errorf("%d requests reached another server", leaked.Load())
	}
}
