#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Records of a transaction that is not over are in the log, and nobody may read
# them yet: the status says that and since when, and not that the end is reached;
# and `latest` does not begin behind them.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $no_python = Test::Forebay::no_python();

# Writes four records in a transaction, says so, and commits at the end of its
# input.
my $WRITER = <<'END';
import sys
from confluent_kafka import Producer
bootstrap, topic = sys.argv[1:]
p = Producer({'bootstrap.servers': bootstrap, 'transactional.id': topic})
p.init_transactions()
p.begin_transaction()
for i in range(4):
    p.produce(topic, b'open %d' % i, partition=0)
p.flush()
print('written', flush=True)
sys.stdin.read()
p.commit_transaction()
END

# The end of a pipe that ends the transaction when it is closed, and its pid.
sub open_transaction
{
	my ($b, $topic) = @_;
	my $dir = scratch();

	spew("$dir/writer.py", $WRITER);
	pipe(my $in, my $out) or die "pipe: $!";
	my $pid = spawn(['/usr/bin/python3', "$dir/writer.py", $b->bootstrap,
	    $topic], in => $in, out => "$dir/out", err => "$dir/err");

	close($in);
	wait_until { slurp("$dir/out") =~ /written/ || !pid_alive($pid) }
	    'the records are written', 60;
	return { pid => $pid, pipe => $out, dir => $dir };
}

sub commit
{
	my ($t) = @_;

	close(delete $t->{pipe});
	return is(reap($t->{pid}, 60), 0, 'the transaction is committed')
	    || diag(slurp("$t->{dir}/err"));
}

sub lines { return scalar grep { /open \d/ } split /\n/, slurp($_[0]{out}) }

scenario 'the status says what it waits for' => sub {
	return skip_for($no_python) if $no_python;
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(1, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$f->start_ready(1);
	my $t = open_transaction($b, $topic);

	is_soon { ($f->status->{lag} // -1) == 4 } 'lag 4';
	is_soon { ($f->cli('status'))[1] =~
	    /behind an open transaction since \d{4}-\d\d-\d\dT[\d:]{8}Z/ }
	    'it is behind an open transaction';
	unlike(($f->cli('status'))[1], qr/at end/, 'and not at the end');
	commit($t);
	is_soon { lines($f) == 4 } 'then its records come';
	is_soon { ($f->cli('status'))[1] !~ /transaction/ } 'and it is over';
	$f->drain;
};

scenario 'latest does not begin behind it' => sub {
	return skip_for($no_python) if $no_python;
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(1, output => 1);
	my $t = open_transaction($b, $topic);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => { 'auto.offset.reset' => 'latest' });

	$f->start_ready(1);
	commit($t);
	is_soon { lines($f) == 4 } 'its records come', 60;
	$f->drain;
};

done_testing();
