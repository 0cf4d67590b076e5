#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Rules of shared/README that a worker of any language can break without a
# delivery that fails: here those in C and in Python.
use strict;
use warnings;

use Fcntl qw(F_SETLK F_WRLCK F_UNLCK SEEK_SET);
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $b = Test::Forebay::Mock->new;

# struct flock, of the whole file.
sub set_lock
{
	my ($fh, $type) = @_;

	return fcntl($fh, F_SETLK, pack('s! s! x![q] q q i x![q]', $type,
	    SEEK_SET, 0, 0, 0));
}

for my $runtime ('c', 'python') {
	scenario "$runtime: standard output is locked by another" => sub {
		my $why = $runtime eq 'c' ? undef : Test::Forebay::no_python();

		return skip_for($why) if $why;
		my $topic = $b->topic(1);
		my $f = Test::Forebay->new(broker => $b, topic => $topic,
		    runtime => $runtime);

		$f->start_ready(1);
		open(my $out, '+<', $f->{out}) or die "$f->{out}: $!\n";
		ok(set_lock($out, F_WRLCK), 'the lock is ours');
		$b->produce($topic, 100);
		my $row = sub { return $f->partitions->{"$topic/0"} };

		is_soon { $row->()->{in_flight} == 100 } 'all is read';
		wait_until { $row->()->{oldest_age_ms} >= 100 } 'it would be';
		is(-s $f->{out}, 0, 'nothing is written');
		is($row->()->{acked}, 0, 'and nothing is done');
		set_lock($out, F_UNLCK);
		$f->await_caught_up;
		$f->drain;
		$f->delivered_ok(topic => $topic, produced => 100);
	};
}

my ($ABI) = slurp(source_dir() . '/shared/boundary/proto.h') =~
    /^#define FBY_ABI (\d+)$/m;

# A master of forty lines: what is sent and what comes back, in hexadecimal.
my $MASTER = <<'PY';
import json, os, socket, struct, sys
ABI, SLOT = int(sys.argv[2]), 2816
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ledger, settings = os.memfd_create('ledger'), os.memfd_create('settings')
size = 64 + SLOT + 256
os.write(ledger, struct.pack('=IHHQ4I', 0x73796266, ABI, 64, size, 1, 1, 64,
                            64 + SLOT))
os.truncate(ledger, size)
os.write(settings, json.dumps(dict(
    abi=ABI, consumer={'bootstrap.servers': '127.0.0.1:1', 'group.id': 'g'},
    sinks=dict(sink=dict(type='blackhole'), fallback=None, onSuccess=None,
               deadLetter=None),
    retry=dict(intervalMs=1, onFailure='retry'),
    watermark=dict(maxDelayMs=0, maxFutureMs=1, idle=None),
    limits=dict(readBatchSize=1, concurrency=1), drainTimeoutMs=1000,
    memory=dict(maxRecords=1, budgetBytes=1 << 20))).encode())
if os.fork() == 0:
    for i, fd in enumerate((theirs.fileno(), ledger, settings)):
        os.dup2(fd, 20 + i)
    for fd, to in zip((20, 21, 22), (3, 4, 6)):
        os.dup2(fd, to)
    os.execve(sys.executable, [sys.executable, sys.argv[1]], {'FOREBAY_SLOT': '0'})
theirs.close()
print('ready', struct.unpack_from('=HH', ours.recv(4096))[0])
# Its row is as the file was made: epoch 0, held by slot 0.
ours.send(struct.pack('=HHIIIQqqqQiI256s', 1, ABI, 320, 0, 0, 0, 0, -1, 0, 0, 0,
                      0, b't'))
ours.settimeout(10)
try:
    print('answer', *struct.unpack_from('=HHIIIQ', ours.recv(4096)))
except OSError as e:
    print(e)
ours.close()
print('exit', os.WEXITSTATUS(os.wait()[1]))
PY

scenario 'python: a grant of epoch 0' => sub {
	my $why = Test::Forebay::no_python();

	return skip_for($why) if $why;
	my ($status, $out, $err) = run(['/usr/bin/python3', '-c', $MASTER,
	    source_dir() . '/t/interop/worker.py', $ABI], timeout => patience(30));

	is($status, 0, 'the master of this test') or diag($err);
	is($out, "ready 16\nanswer 17 $ABI 32 0 2 0\nexit 0\n",
	    'is given back at once, as failed');
};

done_testing();
