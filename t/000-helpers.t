#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The tests' own tools: a verifier that cannot find what is wrong proves
# nothing.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

# The lines that a log sink would have written for a journal of n records.
sub log_lines
{
	my ($broker, $topic, $n) = @_;
	my ($status, $text) = run(['kcat', '-q', '-b', $broker->bootstrap,
	    '-C', '-t', $topic, '-o', 'beginning', '-e', '-f',
	    'Payload - %s Keys - %k EventTime - %T Headers -  ID - %t:%p:%o\n']);

	return split /^/, $text;
}

sub verdict
{
	my ($broker, $name, @lines) = @_;
	my $path = "$broker->{scratch}/$name";

	spew($path, join('', @lines));
	return $broker->verify(logs => [$path]);
}

sub is_verdict
{
	my ($v, %want) = @_;
	my %have = map { $_ => $v->{$_} } keys %want;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply(\%have, \%want, join(' ', map { "$_ $want{$_}" }
	    sort keys %want)) || diag($v->{text});
}

scenario 'a mock cluster takes and gives records' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(4);

	$b->produce($topic, 1000, key => 'binary', headers => 1,
	    tombstones => 10, event_time => 1000, step => 5);
	is_verdict($b->verify(from => $topic), produced => 1000,
	    delivered => 1000, lost => 0, repeated => 0, corrupt => 0);
	$b->produce($topic, 10);
	is_verdict($b->verify(from => $topic), produced => 1010,
	    delivered => 1010, repeated => 0, early => 0);
	is($b->offsets('nobody', $topic)->[0]{end}, 253, 'ends are known');
	ok(!$b->is_caught_up('nobody', $topic), 'nobody has read it');
};

scenario 'a mock cluster obeys' => sub {
	my $b = Test::Forebay::Mock->new(brokers => 2);

	ok($b->is_up, 'it is up');
	$b->halt;
	ok(!$b->is_up, 'down');
	$b->resume;
	ok($b->is_up, 'up again');
	$b->create_topic('later', 3);
	like($b->produce('later', 3), qr/^later 2 0 1$/m, 'a topic is made');
	ok(!eval { $b->command('nonsense') }, 'nonsense is refused');
};

scenario 'a producer goes on until it is told' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(2);
	my $p = $b->producer($topic, rate => 2000);

	is_soon { $p->acked > 200 } 'it counts';
	$p->close;
	my $v = $b->verify(from => $topic);

	cmp_ok($v->{produced}, '>', 200, 'the journal has them');
	is_verdict($v, lost => 0, early => 0);
};

scenario 'a producer waits for the group' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(2);
	my $p = $b->producer($topic, group => 'g', ahead => 100);

	is_soon { $p->acked >= 100 } 'it starts';
	# It would do a hundred thousand in the time it takes to ask thrice.
	$p->acked for 1 .. 3;
	cmp_ok($p->acked, '<=', 400, 'and waits for somebody to commit');
	$p->close;
};

scenario 'the verifier finds what is wrong' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(1);

	(run(['kcat', '-V']))[0] == 0
	    or return skip_for('kcat is not installed (make deps)');
	$b->produce($topic, 10, event_time => 5000);
	my @l = log_lines($b, $topic);

	is(scalar @l, 10, 'ten lines');
	is_verdict(verdict($b, 'good', @l), delivered => 10, lost => 0,
	    repeated => 0, reordered => 0, corrupt => 0, foreign => 0,
	    torn => 0, status => 0);
	is_verdict(verdict($b, 'lost', @l[0 .. 3, 5 .. 9]), delivered => 9,
	    lost => 1, reordered => 0, status => 1);
	is_verdict(verdict($b, 'replay', @l[0 .. 5, 3 .. 9]), delivered => 10,
	    lost => 0, repeated => 3, reordered => 0, status => 0);
	is_verdict(verdict($b, 'swapped', @l[0, 2, 1, 3 .. 9]), lost => 0,
	    repeated => 0, reordered => 1);

	(my $bad = $l[4]) =~ s/abc/abd/;
	is_verdict(verdict($b, 'bits', @l[0 .. 3], $bad, @l[5 .. 9]),
	    lost => 1, corrupt => 1, status => 1);
	($bad = $l[4]) =~ s/EventTime - \d+/EventTime - 7/;
	is_verdict(verdict($b, 'time', @l[0 .. 3], $bad, @l[5 .. 9]),
	    lost => 1, corrupt => 1);
	is_verdict(verdict($b, 'torn', @l[0 .. 3], substr($l[4], 0, 30),
	    @l[4 .. 9]), lost => 0, torn => 1, repeated => 0, status => 0);
	# Wherever it is torn, its ID included.
	my @torn = map { substr($l[4], 0, $_) . "\n" } 1 .. length($l[4]) - 2;

	is_verdict(verdict($b, 'torn anywhere', @l[0 .. 3], @torn,
	    @l[4 .. 9]), lost => 0, torn => scalar @torn, corrupt => 0,
	    foreign => 0, repeated => 0, status => 0);
	is_verdict(verdict($b, 'foreign', "hello\n", @l), lost => 0,
	    foreign => 1);
};

scenario 'waiting has an end' => sub {
	ok(!eval { wait_until { 0 } 'never', 0.05; 1 }, 'it dies');
	like($@, qr/gave up waiting until never/, 'and says of what');
	my $value = wait_until { 42 } 'now';

	is($value, 42, 'the value is returned');

	# Slower in all than the limit, and never for so long at a time.
	my $b = bless { since => time }, 'Slow';
	my $f = bless { owner => 0, broker => $b, group => 'g',
		topics => ['t'] }, 'Test::Forebay';

	ok(eval { $f->await_caught_up(1); 1 }, 'what gets on is waited for')
	    or diag($@);
	$b->{stands} = 1;
	ok(!eval { $f->await_caught_up(0.2); 1 }, 'what stands still is not');
};

package Slow;

sub committed
{
	return $_[0]{stands} ? 5 : int((Time::HiRes::time() - $_[0]{since}) * 4);
}

sub is_caught_up { return !$_[0]{stands} && $_[0]->committed >= 8 }

package main;

done_testing();
