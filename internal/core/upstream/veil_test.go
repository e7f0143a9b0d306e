package upstream

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestSecretsInSeveralPiecesAreHidden(t *testing.T) {
	given := collector{found: []string{"sk-12345", "sk-12345-longer", "line one\nline two", "aaaaaaab", "é-secret", "overlap-right", "right-side"}}
	s := given.secrets()
	text := "token sk-12345-longer, sk-12345, sk-1234\nkey line one\nline two\naaaaaaaaaaaab é-secret overlap-right-side sk-1"
	want := s.hide(text)
	for i := range len(text) {
		for j := i; j <= len(text); j++ {
			v := newVeil(s)
			got := string(v.take([]byte(text[:i]))) + string(v.take([]byte(text[i:j]))) + string(v.take([]byte(text[j:]))) + string(v.rest())
			if got != want {
				t.Fatalf("in pieces of %d and %d: %q, want %q", i, j-i, got, want)
			}
		}
	}
	v := newVeil(s)
	if got := string(v.take([]byte("no secret here\n"))); got != "no secret here\n" {
		t.Errorf("a line is held back: %q", got)
	}
	if got := string(v.take([]byte("cut: sk-12345-lon"))) + string(v.rest()); got != "cut: •••" {
		t.Errorf("the stream's end shows %q", got)
	}
}

func FuzzVeil(f *testing.F) {
	f.Add("abcXYZfoobar abcXYZ", "abcXYZ", "XYZfoo", uint8(3))
	f.Fuzz(func(t *testing.T, text, a, b string, step uint8) {
		if len(a) < minSecret || len(b) < minSecret || strings.Contains(text+a+b, "•") {
			return
		}
		s := (&collector{found: []string{a, b}}).secrets()
		v := newVeil(s)
		var got strings.Builder
		for left := text; len(left) > 0; {
			n := min(len(left), int(step)+1)
			got.Write(v.take([]byte(left[:n])))
			left = left[n:]
		}
		got.Write(v.rest())
		for _, secret := range s {
			if strings.Contains(got.String(), secret) {
				t.Fatalf("%q of %q shows %q", got.String(), text, secret)
			}
		}
	})
}

// TestSecretsStayOutOfTheServersLog has a server tell its secret by each way that leads
// into its log.
func TestSecretsStayOutOfTheServersLog(t *testing.T) {
	c := testConnector()
	r, w := io.Pipe()
	c.ServerLog = func(string) io.Writer { return w }
	text := make(chan string, 1)
	go func() { b, _ := io.ReadAll(r); text <- string(b) }()
	c.MaxBytes = 100 << 10
	srv := childOf("tells")
	srv.Env["API_KEY"] = "correct-horse-battery"
	s := connect(t, c, srv)
	result(t, s, "tools/call", `{"name":"odd"}`)
	s.Close()
	got := await(t, text, "the log to be closed")
	if strings.Contains(got, "correct-horse") || strings.Contains(got, "battery") || strings.Count(got, hidden) < 3 {
		t.Errorf("the log is %q", got)
	}
	for _, want := range []string{"key on stderr: ", "key on stdout: " + hidden + "\n", "long key: " + hidden} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func BenchmarkVeil(b *testing.B) {
	given := collector{found: []string{strings.Repeat("longkey", 500)}}
	for i := range 10 {
		given.found = append(given.found, fmt.Sprintf("sk-%d-abcdefghijklmnopqrstuvwxyz0123456789", i))
	}
	s := given.secrets()
	text := []byte(strings.Repeat("some line of a server that says much, with numbers 1234 and words\n", 500)[:32<<10])
	for _, n := range []int{100, 32 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := newVeil(s)
			b.SetBytes(int64(n))
			for b.Loop() {
				v.take(text[:n])
			}
		})
	}
}
