// Reads a log with the checksum database's own packages, golang.org/x/mod/sumdb/note and tlog:
// its notes, and its tiles through tlog.TileHashReader. Also an ssh-agent with one key,
// since the witness that the tests start wants one.
//
//	interop read URL VKEY         prints each record's hash and length, and the size
//	interop grown URL VKEY OLD    OLD, a file with an older note, is of the same log
//	interop prove URL VKEY INDEX  prints a tlog-proof of that record
//	interop agent SOCKET SEED     serves until standard input ends; prints the fingerprint
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256 // of a tile, 2^8
const height = 8

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// tiles is a tlog.TileReader over c2sp.org/tlog-tiles, at this address.
type tiles string

// What was read of one address: each proof asks for its tiles again.
var cache = map[string][]byte{}

func (t tiles) Height() int { return height }

func (t tiles) path(tile tlog.Tile) string {
	// tlog's own paths begin with tile/8/, since there the height varies.
	return string(t) + "/tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := t.path(tile)
		if cache[path] == nil {
			var err error
			if cache[path], err = get(path); err != nil {
				return nil, err
			}
		}
		data[i] = cache[path]
	}
	return data, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// open verifies a note under the log's key, and reads the tree that it is about. tlog.ParseTree
// is not it: that is for the checksum database's name alone.
func open(signed []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	n, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatalf("not a checkpoint of %s: %q", verifier.Name(), n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func checkpoint(url, vkey string) (tlog.Tree, []byte) {
	signed, err := get(url + "/checkpoint")
	check(err)
	return open(signed, vkey), signed
}

// records gives the bundle with this number, as its records.
func records(url string, tree tlog.Tree, n int64) [][]byte {
	bundle := tlog.Tile{H: height, L: -1, N: n, W: int(min(width, tree.N-n*width))}
	path := strings.Replace(tiles(url).path(bundle), "/tile/data/", "/tile/entries/", 1)
	data, err := get(path)
	check(err)
	var found [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			log.Fatalf("%s: cut short", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		found = append(found, data[2:end])
		data = data[end:]
	}
	if len(found) != bundle.W {
		log.Fatalf("%s: %d records, not %d", path, len(found), bundle.W)
	}
	return found
}

// read checks every record: its hash is the one in the tree, and has a proof of it.
func read(url, vkey string) {
	tree, _ := checkpoint(url, vkey)
	hashes := tlog.TileHashReader(tree, tiles(url))
	for n := int64(0); n*width < tree.N; n++ {
		for i, record := range records(url, tree, n) {
			index := n*width + int64(i)
			hash := tlog.RecordHash(record)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			check(err)
			check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash))
			fmt.Printf("%s %d\n", hash, len(record))
		}
	}
	fmt.Printf("size %d\n", tree.N)
}

func grown(url, vkey, file string) {
	signed, err := os.ReadFile(file)
	check(err)
	old := open(signed, vkey)
	tree, _ := checkpoint(url, vkey)
	proof, err := tlog.ProveTree(tree.N, old.N, tlog.TileHashReader(tree, tiles(url)))
	check(err)
	check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	fmt.Printf("grown from %d to %d\n", old.N, tree.N)
}

func prove(url, vkey, text string) {
	index, err := strconv.ParseInt(text, 10, 64)
	check(err)
	tree, signed := checkpoint(url, vkey)
	proof, err := tlog.ProveRecord(tree.N, index, tlog.TileHashReader(tree, tiles(url)))
	check(err)
	record := records(url, tree, index/width)[index%width]
	fmt.Printf("c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n", base64.StdEncoding.EncodeToString(record), index)
	for _, h := range proof {
		fmt.Println(h)
	}
	fmt.Printf("\n%s", signed)
}

func serveAgent(socket, seed string) {
	bytesOfSeed, err := hex.DecodeString(seed)
	check(err)
	key := ed25519.NewKeyFromSeed(bytesOfSeed)
	keyring := agent.NewKeyring()
	check(keyring.Add(agent.AddedKey{PrivateKey: &key}))
	signer, err := ssh.NewSignerFromKey(key)
	check(err)
	listener, err := net.Listen("unix", socket)
	check(err)
	fmt.Println(ssh.FingerprintSHA256(signer.PublicKey()))
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(keyring, conn)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func main() {
	log.SetFlags(0)
	args := os.Args[1:]
	switch {
	case len(args) == 3 && args[0] == "read":
		read(args[1], args[2])
	case len(args) == 4 && args[0] == "grown":
		grown(args[1], args[2], args[3])
	case len(args) == 4 && args[0] == "prove":
		prove(args[1], args[2], args[3])
	case len(args) == 3 && args[0] == "agent":
		serveAgent(args[1], args[2])
	default:
		log.Fatal("usage: see main.go")
	}
}
