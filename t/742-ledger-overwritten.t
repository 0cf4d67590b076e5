#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The ledger of a live master is cut short, and written over, while records
# flow: it is made good, nobody dies of it, and nothing is lost.
use strict;
use warnings;

use Test::More;
use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Storm::Ledger;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub lines_of
{
	my ($f, $pattern) = @_;

	return scalar(() = $f->log_text =~ /$pattern/g);
}

# What a worker has in flight is repeated if it died of it, for each time.
sub most
{
	my ($times) = @_;

	return 2 * $times * $Test::Forebay::Load::IN_FLIGHT;
}

scenario 'cut short under load' => sub {
	my $load = Test::Forebay::Load->new($b);
	my ($f) = $load->hosts;
	my ($file, $size) = ("$f->{run}/ledger", -s "$f->{run}/ledger");
	my ($pid, $inode) = ($f->{pid}, (stat $file)[1]);

	for my $to (0, 4096, 0) {
		my $before = lines_of($f, qr/cut short by another process; made/);

		$load->breaks;
		truncate($file, $to) or die "$file: $!";
		is_soon { lines_of($f, qr/cut short by another process; made/) >
		    $before && -s $file == $size } "cut to $to: made good";
		$load->recovers("cut to $to");
	}
	is($f->status->{pid}, $pid, 'the master is the same');
	is((stat $file)[1], $inode, 'and its file');
	is($f->ledger->{name}, 'demo', 'others can read it');
	unlike($f->log_text, qr/killed by SIG/, 'nobody died of it');
	$load->verdict(repeated => most(3));
};

scenario 'written over under load' => sub {
	my $load = Test::Forebay::Load->new($b);
	my ($f) = $load->hosts;
	my ($file, $pid) = ("$f->{run}/ledger", $f->{pid});
	my $seed = int rand(1 << 31);

	diag("seed $seed");
	srand($seed);
	for my $n (1 .. 8) {
		Test::Forebay::Storm::Ledger::scribble($file) for 1 .. 20;
		# Granted anew, with cells that nobody can trust.
		kill('KILL', ($f->worker_pids)[0]) if $n == 4;
		Test::Forebay::Storm::Ledger::scribble($file) for 1 .. 20;
		is_soon { (($f->ledger // {})->{name} // '') eq 'demo' }
		    "round $n: others can read it again";
	}
	$load->moves('all partitions move on');
	is($f->status->{pid}, $pid, 'the master is the same');
	cmp_ok(lines_of($f, qr/has written over/), '>', 0, 'it is said');
	$load->verdict(repeated => most(2));
};

done_testing();
