package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rostrum/internal/durable"
)

// keyFile holds the key of all secrets, in the data directory. It has the name newKeyFile until
// the database knows the key: so a first start that was interrupted goes on with it, and a
// keyFile without its database is one that has lost it.
const (
	keyFile    = "secret.key"
	newKeyFile = keyFile + ".new"
)

const keySize = 32 // bytes: AES-256

// errOtherKey says that a secret can't be opened.
var errOtherKey = errors.New("it was sealed with another key or for another place")

// A vault encrypts what must not be readable in the database's files.
type vault struct {
	key    []byte
	aead   cipher.AEAD
	digest []byte // key of the hashes by which secrets are looked up
}

// openVault reads the key file of a directory, or makes a new one.
func openVault(dir string) (*vault, error) {
	text, err := readKey(dir)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("the key file in %s does not hold %d bytes in hexadecimal", dir, keySize)
	}
	return newVault(key)
}

func readKey(dir string) ([]byte, error) {
	path, newPath := filepath.Join(dir, keyFile), filepath.Join(dir, newKeyFile)
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			return text, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read key file: %w", err)
		}
		if err := createKey(dir, newPath); err != nil {
			return nil, fmt.Errorf("create key file: %w", err)
		}
		text, err = os.ReadFile(newPath)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read key file: %w", err)
		}
		if err == nil && !exists(path) {
			return text, nil
		}
		// Another process has made its key the directory's meanwhile.
	}
}

// createKey writes a new key under a temporary name and links it into place,
// so that the file is never seen half written and of two that create it at once
// the first one's key holds.
func createKey(dir, path string) error {
	key := make([]byte, keySize)
	_, _ = rand.Read(key)                      // never fails (crypto/rand)
	f, err := os.CreateTemp(dir, keyFile+".*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write((&vault{key: key}).text())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncFolder(dir)
}

// establishKey makes a new key file the directory's, now that the database knows the key.
func establishKey(dir string) error {
	newPath := filepath.Join(dir, newKeyFile)
	if !exists(newPath) {
		return nil
	}
	var err error
	if path := filepath.Join(dir, keyFile); exists(path) {
		err = os.Remove(newPath)
	} else {
		err = os.Rename(newPath, path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // another process may have been first
		return err
	}
	return durable.SyncFolder(dir)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func newVault(key []byte) (*vault, error) {
	derive := func(use string) ([]byte, error) { return hkdf.Key(sha256.New, key, nil, "rostrum store "+use, keySize) }
	sealing, err := derive("seal")
	if err != nil {
		return nil, err
	}
	digest, err := derive("digest")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &vault{key: key, aead: aead, digest: digest}, nil
}

// DeriveKey makes a key for a use from that of the key file, which all nodes of a database have.
func (s *Store) DeriveKey(use string) ([]byte, error) {
	return hkdf.Key(sha256.New, s.vault.key, nil, "rostrum cluster "+use, keySize)
}

// text is what stands in the key file.
func (v *vault) text() []byte { return []byte(hex.EncodeToString(v.key) + "\n") }

// seal encrypts a secret for the row named by place: it opens nowhere else.
func (v *vault) seal(place string, secret []byte) []byte {
	return v.aead.Seal(nil, nil, secret, []byte(place))
}

func (v *vault) open(place string, sealed []byte) ([]byte, error) {
	secret, err := v.aead.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("open the secret of %s: %w", place, errOtherKey)
	}
	return secret, nil
}

// hash is what a secret is looked up by: without the key it can't be guessed at.
func (v *vault) hash(secret string) string {
	h := hmac.New(sha256.New, v.digest)
	h.Write([]byte(secret))
	return hex.EncodeToString(h.Sum(nil))
}
