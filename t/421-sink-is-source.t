#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A sink that is the source under another address of the same cluster, which
# no look at the manifest can tell.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $b = Test::Forebay::Mock->new;
my $topic = $b->topic(2);
my $other = $b->bootstrap =~ s/127\.0\.0\.1/localhost/gr;

$other ne $b->bootstrap or die "the broker has one address only\n";
for my $role (qw(sink deadLetter)) { scenario $role => sub {
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    host => { drainTimeout => '1s', $role eq 'sink' ? () :
		(deadLetter => { topic => $topic, brokers => [$other] }) },
	    sink => $role eq 'sink' ? { kafka => { brokers => [$other],
		topic => $topic } } : { blackhole => {} });

	if ($role eq 'sink') {
		$b->produce($topic, 8);
		$f->start_ready(2);
		is_soon { $f->log_text =~ /under another address of the same/ }
		    'the worker says so';
		is($f->outcomes->{delivered} // 0, 0, 'nothing was written');
		ok(!defined $f->outcomes->{read} || $f->outcomes->{read} <= 8,
		    'and nothing came back');
	} else {
		$f->start_ready(2);
		is_soon { $f->outcomes->{delivered} == 8 }
		    'without a dead letter the topic does not matter';
	}
	$f->stop;
} }

# The same name on another cluster is another topic.
scenario 'another cluster' => sub {
	my $c = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $topic, sink => { kafka =>
		{ brokers => [$c->bootstrap], topic => $topic } });

	$c->create_topic($topic, 2) if $c->can('create_topic');
	$f->start_ready(2);
	is_soon { $f->outcomes->{delivered} == 8 }
	    'to another cluster records are written';
	$f->drain;
};

done_testing();
