//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"
)

// serveStdio serves one caller until the end of input.
func (s *server) serveStdio() error {
	var mu sync.Mutex // held while a line is written
	send := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(os.Stdout, text+"\n") // whom nobody reads has no caller
	}
	c := newCaller()
	if !s.modern() {
		defer s.add(c.session(send))()
	}
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil
		}
		var m message
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		if m.Method == "" || m.ID == nil {
			c.notify(m)
			continue
		}
		t, end := c.begin(m, send)
		go func() {
			defer end()
			s.run(t)
		}()
	}
}
