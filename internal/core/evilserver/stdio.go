//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"
)

// An output is one stream to which whole messages are written.
type output struct {
	mu sync.Mutex // held while one is written
	w  io.Writer
}

func (o *output) write(text string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := io.WriteString(o.w, text)
	return err
}

// stdout is shared by all that this process says.
var stdout = &output{w: os.Stdout}

func sendLine(text string) error { return stdout.write(text + "\n") }

// serveStdio serves until the end of input, if it heeds that.
func (s *server) serveStdio() error {
	s.say = sendLine
	s.start()
	var answers sync.WaitGroup
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			s.mu.Lock()
			stay := s.ignoreEOF
			s.mu.Unlock()
			if stay {
				forever()
			}
			answers.Wait()
			return nil
		}
		r := &request{send: sendLine}
		if json.Unmarshal(line, r) != nil || r.Method == "" || s.misbehave(r) {
			continue
		}
		if r.Params.Name == "sleep" {
			answers.Go(func() { s.answer(r) })
		} else {
			s.answer(r)
		}
	}
}
