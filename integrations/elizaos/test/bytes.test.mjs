// CBOR, trees and notes, against vectors of the tree where it is there and by themselves.
import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import test from 'node:test';
import {CborError, decode, encode} from '../dist/cbor.js';
import {inclusionRoot} from '../dist/merkle.js';
import {checkpoint, logKey, NoteError} from '../dist/note.js';
import {FakeLog, path, root} from './fakelog.mjs';

const hex = (text) => Buffer.from(text, 'hex');

test('what is written is read', () => {
  for (const v of [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -24, -25, -(2 ** 53 - 1), 'é', '', true, false, null, [1, [2]], Buffer.from('ab')])
    assert.deepEqual(decode(encode(v)), v);
  assert.equal(encode({b: 1, aa: 2, a: 3}).toString('hex'), 'a36161036162016261' + '6102');
  assert.equal(encode(2 ** 32).toString('hex'), '1b0000000100000000');
  for (const v of [1.5, 2 ** 53, undefined, () => 1, 1n]) assert.throws(() => encode(v), CborError);
});

const refused = {
  'nothing': '', 'a head that ends': '19', 'a text that ends': '62', 'bytes behind': '0000', 'not shortest, 1': '1817', 'not shortest, 2': '1900ff', 'not shortest, 4': '1a0000ffff',
  'not shortest, 8': '1b00000000ffffffff', 'beyond 2^53': '1b0020000000000000', 'below -2^53': '3b001fffffffffffff', 'indefinite': '9fff', 'reserved': '1c', 'a float': 'f93c00',
  'undefined': 'f7', 'another simple value': 'f8ff', 'a tag': 'c000', 'labels out of order': 'a202000100', 'a label twice': 'a201000100', 'a label of bytes': 'a1410000',
  'a label that is a list': 'a18000', 'not UTF-8': '61ff', 'a surrogate': '63eda080', 'too many': '9841' + '00'.repeat(65), 'a length beyond the end': '5affffffff',
  'nested too deep': '81'.repeat(18) + '00',
};
for (const [name, bytes] of Object.entries(refused))
  test(`CBOR refused: ${name}`, () => assert.throws(() => decode(hex(bytes)), CborError));

test('a tag where one is asked for', () => {
  assert.equal(decode(hex('d200'), 18), 0);
  assert.throws(() => decode(hex('d300'), 18), CborError);
  assert.throws(() => decode(hex('00'), 18), CborError);
});

test('paths lead from each leaf to the root, and from no other place', () => {
  for (let n = 1; n <= 20; n++) {
    const leaves = Array.from({length: n}, () => randomBytes(32)), want = root(leaves);
    for (let i = 0; i < n; i++) {
      const p = path(i, leaves);
      assert.ok(inclusionRoot(leaves[i], i, n, p).equals(want));
      for (let j = 0; j < n; j++) if (j !== i) assert.ok(!inclusionRoot(leaves[i], j, n, p)?.equals(want));
      assert.ok(!inclusionRoot(leaves[i], i, n, [...p, randomBytes(32)])?.equals(want));
      if (p.length) assert.ok(!inclusionRoot(leaves[i], i, n, p.slice(1))?.equals(want));
      if (p.length) assert.equal(inclusionRoot(leaves[i], i, n, [p[0].subarray(1), ...p.slice(1)]), null);
    }
  }
  assert.equal(inclusionRoot(randomBytes(32), 1, 1, []), null);
  assert.equal(inclusionRoot(randomBytes(32), -1, 1, []), null);
  assert.equal(inclusionRoot(randomBytes(32), 0.5, 1, []), null);
});

test('numbers beyond 32 bits', () => {
  // The last leaf of a tree of 2^40 + 1 has one hash in its path: the root of the others.
  const leaf = randomBytes(32), others = randomBytes(32);
  assert.ok(inclusionRoot(leaf, 2 ** 40, 2 ** 40 + 1, [others]));
  assert.equal(inclusionRoot(leaf, 2 ** 40 - 1, 2 ** 40 + 1, [others]), null);
});

test('checkpoints of the pinned key', () => {
  const log = new FakeLog(), key = logKey(log.key), note = log.note();
  assert.equal(checkpoint(note, key).size, 2);
  const text = note.slice(0, note.indexOf('\n\n') + 1), line = note.slice(text.length + 1);
  const more = `— witness.example ${Buffer.alloc(76).toString('base64')}\n`;
  assert.equal(checkpoint(`${text}\n${more}${line}`, key).size, 2); // a witness's line is none of ours
  const bad = {
    'no signature': `${text}\n`, 'no text': `\n\n${line}`, 'another text': note.replace('\n2\n', '\n3\n'), 'twice': `${text}\n${line}${line}`, 'no newline': note.slice(0, -1),
    'only others': `${text}\n${more}`, 'a line of another form': `${text}\n${line}hello\n`, 'base64 that is not strict': note.replace(/=?\n$/, ' \n'),
    'too long': note + 'x'.repeat(70000), 'too many lines': `${text}\n${more.repeat(100)}${line}`,
  };
  for (const [name, n] of Object.entries(bad)) assert.throws(() => checkpoint(n, key), NoteError, name);
  // Signed by the key, and no checkpoint all the same.
  for (const [name, t] of Object.entries({'a size with a zero': `${log.origin}\n02\n${'A'.repeat(43)}=\n`, 'a negative one': `${log.origin}\n-2\n${'A'.repeat(43)}=\n`,
    'no root': `${log.origin}\n2\n\n`, 'a short root': `${log.origin}\n2\nAAAA\n`, 'a line more': `${log.origin}\n2\n${'A'.repeat(43)}=\nmore\n`,
    'a size beyond': `${log.origin}\n9007199254740992\n${'A'.repeat(43)}=\n`, 'another origin': `x\n2\n${'A'.repeat(43)}=\n`}))
    assert.throws(() => checkpoint(log.sign(t), key), NoteError, name);
});
