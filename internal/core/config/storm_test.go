package config

import (
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

// TestStormOfEdits saves 100 times a second, every tenth time something broken
// or half: the last content is in force within 2 s of the last save, and the
// servers that no save touches are the same in everything that is yielded.
func TestStormOfEdits(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	file := func(i int) []byte {
		return []byte(strings.Replace(string(manyServers(10)), "{\n  \"mcpServers\": {\n",
			fmt.Sprintf("{\n  \"mcpServers\": {\n    \"a\": {\"command\": \"v%d\"},\n", i), 1))
	}
	const edits = 1000 // 10 s
	steady := mustParse(t, file(0)).Servers[1:]
	inQuietWatch(t, file(0), func(save func([]byte), results <-chan seen) {
		for i := 1; i <= edits; i++ {
			content := file(i)
			if i < edits && rng.IntN(10) == 0 {
				content = content[:rng.IntN(len(content)-10)]
			}
			save(content)
			time.Sleep(10 * time.Millisecond)
		}
		last, yielded, newest := time.Now(), 0, ""
		time.Sleep(2*time.Second - time.Since(last))
		for len(results) > 0 {
			s := <-results
			if s.err != nil {
				t.Errorf("a half-written file was taken for a broken one: %v", s.err)
				continue
			}
			yielded++
			newest = s.cfg.Servers[0].Command
			for i, srv := range s.cfg.Servers[1:] {
				if !srv.Equal(steady[i]) {
					t.Errorf("%s: server %s changed without being touched", newest, srv.Name)
				}
			}
		}
		t.Logf("%d edits, %d of them yielded", edits, yielded)
		if newest != fmt.Sprint("v", edits) || yielded < edits/20 {
			t.Errorf("after 2 s %s is in force, of %d yielded", newest, yielded)
		}
	})
}

// TestWatchPollsWhereNothingIsReported: without notices from the system a save is seen within 6 s.
func TestWatchPollsWhereNothingIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, fileWith("v0"))
	synctest.Test(t, func(t *testing.T) {
		p := usualPace()
		p.open = func() (*fsnotify.Watcher, error) { return nil, syscall.ENOSPC }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		results := make(chan seen, 100)
		var wg sync.WaitGroup
		wg.Go(func() {
			for cfg, err := range Open(path).watch(ctx, p) {
				results <- seen{cfg, err}
			}
		})
		synctest.Wait()
		wantCommand(t, "start", results, "v0")
		for i, save := range saves {
			time.Sleep(time.Duration(i) * 1100 * time.Millisecond)
			version := fmt.Sprint("v", i+1)
			if err := save.save(t, path, fileWith(version)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(6 * time.Second)
			if len(results) != 1 {
				t.Fatalf("%s: %d results after 6 s", save.name, len(results))
			}
			wantCommand(t, save.name, results, version)
		}
		cancel()
		wg.Wait()
	})
}
