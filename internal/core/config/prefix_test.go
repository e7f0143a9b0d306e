package config

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settled is after how long a save is seen, also a broken one, which is doubted first.
const settled = 300 * time.Millisecond

// inQuietWatch runs body beside a watch of a real file in fake time. The
// system's notices cannot enter a bubble, so save also tells the watch; all
// else of it is as usual.
func inQuietWatch(t *testing.T, first []byte, body func(save func([]byte), results <-chan seen)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, first)
	synctest.Test(t, func(t *testing.T) {
		p := usualPace()
		p.poll = 1000 * time.Hour
		p.open = func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f, results := Open(path), make(chan seen, 1000)
		var wg sync.WaitGroup
		wg.Go(func() {
			for cfg, err := range f.watch(ctx, p) {
				results <- seen{cfg, err}
			}
		})
		synctest.Wait()
		body(func(content []byte) {
			write(t, path, content)
			select {
			case f.edited <- struct{}{}:
			default:
			}
		}, results)
		cancel()
		wg.Wait()
	})
}

// fourKB is a configuration of 4,096 bytes.
func fourKB(command string) []byte {
	b := bytes.NewBufferString("// Servers of the whole family, größe 😀.\n{\n  \"mcpServers\": {\n")
	fmt.Fprintf(b, "    \"a\": { \"command\": %q },\n", command)
	for i := 0; b.Len() < 3900; i++ {
		fmt.Fprintf(b, "    \"s%d\": { \"url\": \"http://localhost:%d/mcp\", \"disabled\": true }, // number %d\n", i, 3000+i, i)
	}
	b.WriteString("  },\n  \"x-note\": \"")
	b.WriteString(strings.Repeat("n", 4096-len("\",\n}\n")-b.Len()))
	b.WriteString("\",\n}\n")
	return b.Bytes()
}

// TestEveryPrefixThroughWatch cuts a 4 KB file at each byte, as a save that is
// never completed does: the watch yields an error, or what the whole file says.
func TestEveryPrefixThroughWatch(t *testing.T) {
	t.Parallel()
	whole := fourKB("new")
	if len(whole) != 4096 {
		t.Fatalf("the file has %d bytes", len(whole))
	}
	want, errs := mustParse(t, whole), 0
	inQuietWatch(t, fourKB("old"), func(save func([]byte), results <-chan seen) {
		next(t, "start", results)
		for n := range len(whole) + 1 {
			save(whole[:n])
			time.Sleep(settled)
			for len(results) > 0 {
				switch s := <-results; {
				case s.err != nil:
					errs++
				case !s.cfg.Equal(want):
					t.Fatalf("the first %d bytes came in force with %d servers", n, len(s.cfg.Servers))
				}
			}
		}
	})
	if errs < 4000 {
		t.Errorf("only %d of 4,096 prefixes were shown as errors", errs)
	}
}

// TestSavesInTwoPieces cuts saves anywhere and completes it within the
// time that broken content is doubted: nothing but whole files is ever yielded.
func TestSavesInTwoPieces(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	files := [][]byte{fourKB("one"), fourKB("two")}
	configs := []*Config{mustParse(t, files[0]), mustParse(t, files[1])}
	inQuietWatch(t, files[0], func(save func([]byte), results <-chan seen) {
		next(t, "start", results)
		which := 0
		for n := 0; n < len(files[0])-1; n += 1 + rng.IntN(16) { // the last byte is a line break that may be missing
			which = 1 - which
			save(files[which][:n])
			time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
			save(files[which])
			time.Sleep(settled)
			s := next(t, fmt.Sprint("piece of ", n), results)
			if s.err != nil || !s.cfg.Equal(configs[which]) || len(results) > 0 {
				t.Fatalf("cut at %d: yielded %v, and %d more", n, s.err, len(results))
			}
		}
	})
}
