package approval

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A preimage is what can be read back from the bytes that are hashed.
type preimage struct {
	Transport, Command, Cwd, URL string
	Args                         []string
	Env                          map[string]string // name to hash of the value
	Headers                      []string
	References                   []string
}

func preimageOf(l Launch) preimage {
	p := preimage{Transport: l.Transport, Command: l.Command, Cwd: l.Cwd, URL: l.URL, Env: map[string]string{}}
	p.Args = append(p.Args, l.Args...)
	for k, v := range l.Env {
		sum := sha256.Sum256([]byte(v))
		p.Env[k] = string(sum[:])
	}
	if len(l.Headers) > 0 {
		p.Headers = slices.Sorted(maps.Keys(l.Headers))
	}
	for _, name := range p.Headers {
		if v := l.Headers[name]; strings.Contains(v, "${") {
			p.References = append(p.References, v)
		}
	}
	return p
}

// decode reads the bytes back; it is written from the description, not from encode.
func decode(t *testing.T, b []byte) preimage {
	t.Helper()
	b, ok := bytes.CutPrefix(b, []byte("mpt-launch-v1"))
	if !ok {
		t.Fatal("the formula is missing")
	}
	p := preimage{Env: map[string]string{}}
	name := ""
	for len(b) > 0 {
		tag, n := b[0], binary.BigEndian.Uint64(b[1:9])
		text := string(b[9 : 9+n])
		b = b[9+n:]
		switch tag {
		case 't':
			p.Transport = text
		case 'c':
			p.Command = text
		case 'a':
			p.Args = append(p.Args, text)
		case 'e':
			name = text
		case 'v':
			p.Env[name] = text
		case 'd':
			p.Cwd = text
		case 'u':
			p.URL = text
		case 'h':
			p.Headers = append(p.Headers, text)
		case 'r':
			p.References = append(p.References, text)
		default:
			t.Fatalf("unknown tag %q", tag)
		}
	}
	return p
}

func TestEncodingCanBeReadBack(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	word := func() string {
		b := make([]byte, rng.IntN(6))
		for i := range b {
			b[i] = "tcaevduh\x00\x01\xff|="[rng.IntN(13)]
		}
		return string(b)
	}
	table := func() map[string]string {
		m := map[string]string{}
		for range rng.IntN(4) {
			m[word()] = word()
		}
		return m
	}
	for range 20_000 {
		l := Launch{Transport: word(), Command: word(), Cwd: word(), URL: word(), Env: table(), Headers: table()}
		for range rng.IntN(4) {
			l.Args = append(l.Args, word())
		}
		if got, want := decode(t, encode(l)), preimageOf(l); !reflect.DeepEqual(got, want) {
			t.Fatalf("decode(encode(%#v)) = %#v, want %#v", l, got, want)
		}
	}
}

func base() Launch {
	return Launch{
		Transport: "stdio", Command: "npx", Args: []string{"-y", "thing"}, Cwd: "/srv",
		Env: map[string]string{"A": "1", "B": "2"}, URL: "", Headers: map[string]string{"Authorization": "x"},
	}
}

func TestFingerprintHoldsEveryChange(t *testing.T) {
	changes := map[string]func(*Launch){
		"transport":            func(l *Launch) { l.Transport = "http" },
		"command":              func(l *Launch) { l.Command = "npx " },
		"argument":             func(l *Launch) { l.Args[1] = "thinG" },
		"argument added":       func(l *Launch) { l.Args = append(l.Args, "") },
		"argument removed":     func(l *Launch) { l.Args = l.Args[:1] },
		"arguments swapped":    func(l *Launch) { l.Args[0], l.Args[1] = l.Args[1], l.Args[0] },
		"arguments joined":     func(l *Launch) { l.Args = []string{"-ything"} },
		"command takes the -y": func(l *Launch) { l.Command, l.Args = "npx-y", l.Args[1:] },
		"working directory":    func(l *Launch) { l.Cwd = "" },
		"cwd becomes URL":      func(l *Launch) { l.Cwd, l.URL = "", "/srv" },
		"URL":                  func(l *Launch) { l.URL = "http://127.0.0.1/mcp" },
		"value of a variable":  func(l *Launch) { l.Env["A"] = "" },
		"variable removed":     func(l *Launch) { delete(l.Env, "A") },
		"empty variable added": func(l *Launch) { l.Env["C"] = "" },
		"values swapped":       func(l *Launch) { l.Env["A"], l.Env["B"] = "2", "1" },
		"header added":         func(l *Launch) { l.Headers["Cookie"] = "" },
		"header renamed":       func(l *Launch) { l.Headers = map[string]string{"authorization": "x"} },
		"header removed":       func(l *Launch) { l.Headers = nil },
	}
	seen := map[string]string{Fingerprint(base()): "nothing"}
	for name, change := range changes {
		l := base()
		change(&l)
		if other, ok := seen[Fingerprint(l)]; ok {
			t.Errorf("Fingerprint does not tell %q from %q", name, other)
		}
		seen[Fingerprint(l)] = name
	}
}

func TestFingerprintIgnoresWhatIsNotBound(t *testing.T) {
	l := base()
	l.Headers["Authorization"] = "another token"
	if Fingerprint(l) != Fingerprint(base()) {
		t.Error("a renewed header value changes the fingerprint")
	}
	for _, value := range []string{"${env:HOME}", "Bearer ${env:OTHER}"} {
		l.Headers["Authorization"] = value
		if Fingerprint(l) == Fingerprint(base()) {
			t.Errorf("header value %q, which names another secret, does not change the fingerprint", value)
		}
	}
	if Fingerprint(Launch{Env: map[string]string{}, Args: []string{}}) != Fingerprint(Launch{}) {
		t.Error("empty and absent lists differ")
	}
}

// TestFingerprintIsStable pins the formula: stored approvals depend on it.
func TestFingerprintIsStable(t *testing.T) {
	const want = "v1:c670d61be176731814114bf655aebdf5ecbc237859c44de42a3178133a4a674f"
	if got := Fingerprint(base()); got != want {
		t.Errorf("Fingerprint(base) = %s, want %s", got, want)
	}
}

func TestLaunchIsLoggedWithoutSecrets(t *testing.T) {
	var b bytes.Buffer
	l := Launch{Command: "x", Env: map[string]string{"K": "hunter2"}, Headers: map[string]string{"H": "hunter2"}}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("start", "launch", l)
	if strings.Contains(b.String(), "hunter2") || !strings.Contains(b.String(), "v1:") {
		t.Errorf("logged %s", b.String())
	}
}

func TestGate(t *testing.T) {
	a, b := Record{Server: "s", LaunchID: "a"}, Record{Server: "s", LaunchID: "b"}
	for _, c := range []struct {
		name       string
		quarantine bool
		id         string
		approvals  []Record
		want       Verdict
	}{
		{"never approved", true, "a", nil, New},
		{"approved", true, "a", []Record{a}, Open},
		{"approved for something else", true, "c", []Record{a, b}, Changed},
		{"approved among others", true, "a", []Record{a, b}, Open},
		{"gate off", false, "a", nil, Open},
		{"gate off and changed", false, "c", []Record{a}, Open},
		{"nothing to launch", true, "", []Record{{Server: "s"}}, Changed},
	} {
		if got := Gate(c.quarantine, c.id, c.approvals); got != c.want {
			t.Errorf("%s: Gate = %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add("npx", "-y", "thing", "K", "v", "K2", "v2")
	f.Add("a", "b|c", "", "A", "", "a", "\xff")
	f.Fuzz(func(t *testing.T, command, arg1, arg2, k1, v1, k2, v2 string) {
		l := Launch{Command: command, Args: []string{arg1, arg2}, Env: map[string]string{k1: v1, k2: v2}}
		if got, want := decode(t, encode(l)), preimageOf(l); !reflect.DeepEqual(got, want) {
			t.Fatalf("decode(encode(%#v)) = %#v", l, got)
		}
		again := Launch{Command: command, Args: []string{arg1, arg2}, Env: map[string]string{}}
		for _, k := range []string{k2, k1} { // another order of keys
			again.Env[k] = l.Env[k]
		}
		if Fingerprint(again) != Fingerprint(l) {
			t.Fatal("the order of keys matters")
		}
		moved := Launch{Command: command + arg1, Args: []string{arg2}, Env: l.Env}
		if Fingerprint(moved) == Fingerprint(l) {
			t.Fatal("an argument can hide in the command")
		}
	})
}
