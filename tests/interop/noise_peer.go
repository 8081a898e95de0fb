// SPDX-License-Identifier: MIT OR GPL-2.0-only

// What noise_peer.c is, made of github.com/flynn/noise (Debian: golang-github-flynn-noise-dev), which
// shares no code with this project. Usage: noise_peer_go initiator|responder COUNT
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/flynn/noise"
)

const (
	bigEvery   = 1000
	big        = 3000
	small      = 61
	rekeyAfter = 1 << 16 // NOISE_REKEY_AFTER of protocol/noise.h
)

var (
	payloads = []string{"", "evidence of the second", "the third"}
	in       = bufio.NewReader(os.Stdin)
	out      = bufio.NewWriter(os.Stdout)
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "noise_peer_go:", err)
		os.Exit(1)
	}
}

func receive() []byte {
	var length uint16
	must(binary.Read(in, binary.LittleEndian, &length))
	message := make([]byte, length)
	_, err := io.ReadFull(in, message)
	must(err)
	return message
}

func say(message []byte) {
	must(binary.Write(out, binary.LittleEndian, uint16(len(message))))
	_, err := out.Write(message)
	must(err)
}

func message(i int) []byte {
	length := i % small
	if i%bigEvery == 0 {
		length = big
	}
	data := make([]byte, length)
	for j := range data {
		data[j] = byte(i + j)
	}
	return data
}

func speak(c *noise.CipherState, count int) {
	for i := 0; i < count; i++ {
		sealed, err := c.Encrypt(nil, nil, message(i))
		must(err)
		say(sealed)
		if (i+1)%rekeyAfter == 0 {
			c.Rekey()
		}
	}
	must(out.Flush())
}

func listen(c *noise.CipherState, count int) {
	for i := 0; i < count; i++ {
		opened, err := c.Decrypt(nil, nil, receive())
		must(err)
		if !bytes.Equal(opened, message(i)) {
			must(fmt.Errorf("message %d is wrong", i))
		}
		if (i+1)%rekeyAfter == 0 {
			c.Rekey()
		}
	}
}

func main() {
	if len(os.Args) != 3 {
		must(fmt.Errorf("usage: noise_peer_go initiator|responder COUNT"))
	}
	first := os.Args[1] == "initiator"
	count, err := strconv.Atoi(os.Args[2])
	must(err)
	suite := noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256)
	self, err := suite.GenerateKeypair(rand.Reader)
	must(err)
	state, err := noise.NewHandshakeState(noise.Config{
		CipherSuite: suite, Pattern: noise.HandshakeXX, Initiator: first,
		Prologue: []byte("cvmdbg interop"), StaticKeypair: self,
	})
	must(err)

	// The first of the two is the initiator's to send.
	var fromFirst, fromSecond *noise.CipherState
	for i, payload := range payloads {
		if (i%2 == 0) == first {
			var wire []byte
			wire, fromFirst, fromSecond, err = state.WriteMessage(nil, []byte(payload))
			must(err)
			say(wire)
			must(out.Flush())
		} else {
			var got []byte
			got, fromFirst, fromSecond, err = state.ReadMessage(nil, receive())
			must(err)
			if string(got) != payload {
				must(fmt.Errorf("payload %d is wrong", i+1))
			}
		}
	}
	fmt.Fprintf(os.Stderr, "hash %x\nself %x\npeer %x\n", state.ChannelBinding(), self.Public,
		state.PeerStatic())
	if first {
		speak(fromFirst, count)
		listen(fromSecond, count)
	} else {
		listen(fromFirst, count)
		speak(fromSecond, count)
	}
}
