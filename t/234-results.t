#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The result of a command is what has happened: commands that could do only a
# part of it, or nothing.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $broker = Test::Forebay::Mock->new;

# OffsetCommit: no right to the group, for longer than a stop tries it.
sub refuse_commits { $broker->command('error 8 1000 30') }

# Of the only partition there is.
sub part { return (values %{$_[0]->partitions})[0] // {} }

sub acked_ok
{
	my ($f, $n) = @_;

	return is_soon { (part($f)->{acked} // -1) == $n } "$n are acked";
}

scenario 'a stop whose last commit is refused' => sub {
	$broker = Test::Forebay::Mock->new;
	my $topic = $broker->topic(1);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole', no_ledger => 'commits are refused');

	$f->start_ready(1);
	is_soon { (part($f)->{committed} // -1) == 0 } 'a commit';
	refuse_commits();
	$broker->produce($topic, 100);
	acked_ok($f, 100);
	my ($status, $out, $err) = $f->cli('drain');

	is($status, 1, 'drain: 1');
	is($out, '', 'nothing on standard output');
	like($err, qr/the last commit of 1 partition was refused/, 'and why');
	is($f->await_exit, 0, 'the process exits as always');
	like($f->log_text, qr/given back without .*: records from 0 on will be repeated/,
	    'the log says from where');
};

# The sibling: an offset that nobody knows is no offset.
scenario 'a stop before anything is committed' => sub {
	$broker = Test::Forebay::Mock->new;
	my $topic = $broker->topic(1);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole', no_ledger => 'commits are refused');

	refuse_commits();
	$broker->produce($topic, 100);
	$f->start_only;
	acked_ok($f, 100);
	my ($status, undef, $err) = $f->cli('stop');

	is($status, 1, 'stop: 1');
	$f->await_exit;
	unlike($f->log_text, qr/from -1|-1 is committed/, 'no offset of -1');
	like($f->log_text,
	    qr/no offset of it is committed.*auto\.offset\.reset/,
	    'but where it begins again');
};

scenario 'watermark reset, without a partition' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => 'none-such',
	    no_ledger => 'there is no topic');

	$f->start;
	is_soon { $f->status->{state} eq 'RUNNING' } 'it runs';
	my ($status, $out, $err) = $f->cli('watermark', 'reset');

	is($status, 1, 'watermark reset: 1');
	like($err, qr/nothing was reset/, 'and why');
	$f->stop;
};

done_testing();
