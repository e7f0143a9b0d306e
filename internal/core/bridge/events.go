package bridge

import (
	"bufio"
	"bytes"
	"io"
)

// eachEvent calls fn with the data of each complete event of a stream until it
// returns false, or returns why the stream ended.
func eachEvent(stream io.Reader, fn func(data []byte) bool) error {
	r := bufio.NewReaderSize(stream, 32<<10)
	var data []byte
	named := false // as something else than a message
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return err // an event without its end is none
		}
		line = bytes.TrimRight(line, "\r\n")
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0:
			if len(data) > 0 && !named && !fn(data) {
				return nil
			}
			data, named = nil, false
		case string(field) == "data":
			if data != nil {
				data = append(data, ' ') // the line break between two tokens
			}
			data = append(data, value...)
		case string(field) == "event":
			named = string(value) != "message"
		}
	}
}
